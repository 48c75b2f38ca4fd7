"""Webhook deliveries: verified and stored first, processed by workers afterwards."""
