"""What goes in and out of the API, as marshmallow schemas: the source of the contract."""
