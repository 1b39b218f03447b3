"""Git's hooks: what each does when git calls it, and putting them in place."""
