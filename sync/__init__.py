"""git-verbatim keeps exact copies of upstream git trees, and records where every byte came from."""
