"""The tests of observations."""
