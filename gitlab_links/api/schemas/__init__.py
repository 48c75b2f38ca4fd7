"""The requests and answers of the API as marshmallow schemas, the source of the contract."""
