"""The store: the only floor that knows tables. Synchronous; the ledger's writer thread is its one thread."""
