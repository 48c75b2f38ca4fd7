"""Simple Markdown as HTML that can do no harm."""
