"""The words and options of the program."""
