"""Tests of running the service on one machine."""
