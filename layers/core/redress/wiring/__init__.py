"""Where settings, clients, stores and use cases are put together, and nowhere else.

One module per function, with the settings that this function is deployed with. `clients` and
`stores` hold what several functions share, `transaction` what is written with a ticket's change.

Everything is made late and once per process: a cold start pays only for what its first request
uses. PynamoDB and botocore's clients are imported inside the makers that need them, so that the
intake function never loads them.
"""
