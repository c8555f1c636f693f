"""What a site publishes about its prices, made from the rules that decide: price list, RSL, TDMRep, robots.txt."""
