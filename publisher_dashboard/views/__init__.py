"""What each screen shows, as plain data: a page renders it, a program may read it."""
