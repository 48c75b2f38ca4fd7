"""E-mails to people, as text and as HTML: composed here, sent by ``mail.py``."""
