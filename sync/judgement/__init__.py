"""Whether a state of third_party/ is as its records say: findings, and how mirrors stand."""
