"""git-verbatim: exact copies of upstream git trees in third_party/, with records of where every byte came from."""
