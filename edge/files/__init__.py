"""Statements as files that other programs open: each module wraps one library, loaded when a file is made."""
