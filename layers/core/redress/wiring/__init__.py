"""The only place that builds clients, stores and use cases from settings.

There is one module per function, with the settings of that function. `clients` and `stores` build
what several functions share. `transaction` lists what is written with a ticket's change.

Each object is built when it is first needed, once per process, so a cold start costs only what its
first request uses. PynamoDB and botocore's clients are imported inside the functions that build
them, so that the intake function never loads them.
"""
