"""Linking what people paste: addresses and references, one or several at once."""
