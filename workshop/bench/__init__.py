"""`python -m workshop bench`: the extension beside its peers, and above its floor."""
