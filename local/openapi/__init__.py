"""Makes the OpenAPI documents and the template's routes from the declarations of routes.

`python -m local.openapi` writes them. They are in git, so that tests, benchmarks and `sam build`
need no build step before them. `--check`, which a test runs, compares them with the declarations.
"""
