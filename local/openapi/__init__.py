"""Makes the OpenAPI documents and the template's routes from the declarations of routes.

`python -m local.openapi` writes them. They are in git, so that nothing has to be built before a
test, a benchmark or `sam build`; `--check`, which a test runs, says whether they are as declared.
"""
