"""The steps of a ticket's life, one module per actor.

Each step is a function of the ticket, its plan and the time. It returns a `Change`: the events that
happen and the ticket after them. A step writes nothing and reads no clock. `table.STEPS` says from
which state each step is possible and to which state it leads.
"""
