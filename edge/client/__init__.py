"""The crawler's side: ask for a price, pay for a page, keep the evidence. Starts without the server's libraries."""
