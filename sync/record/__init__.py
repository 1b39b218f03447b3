"""The records of mirrors, and the proofs that they hold."""
