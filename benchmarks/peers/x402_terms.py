"""What the x402 peer asks and what the load offers: one set of constants, so that the two agree."""

from __future__ import annotations

SCHEME = "exact"
NETWORK = "eip155:8453"
ASSET = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
PAY_TO = "0x1111111111111111111111111111111111111111"
PAYER = "0x2222222222222222222222222222222222222222"
AMOUNT = "5000"
MAX_TIMEOUT_SECONDS = 300
EXTRA = {"name": "USD Coin", "version": "2"}
