"""Derived forms: the recipes by which they are made of mirrors, and their records."""
