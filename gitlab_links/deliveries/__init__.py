"""Webhook deliveries: verified and stored at once, processed by workers later."""
