"""The steps of a ticket's life, one module per actor.

Each step is a function of the ticket, its plan and the time. It returns a `Change`: the new events
and the ticket after them. A step writes nothing and does not read the system clock. `table.STEPS`
says in which states each step is possible and which state follows.
"""
