"""The operators' command line: one file per noun of ``farebox NOUN VERB``."""
