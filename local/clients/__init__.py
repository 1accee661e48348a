"""Clients generated from the OpenAPI documents, and linters of the documents.

`python -m local.clients` lints both documents, generates clients for Python and TypeScript into
`.local/clients/` and compiles the samples, which walk an agent's day with them. Its tools are
pinned in `local/requirements.in` and in `package.json` here.
"""
