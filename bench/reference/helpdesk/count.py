"""Prints the number of tickets, and the number of entries in their histories."""

import django

django.setup()

from helpdesk.models import FollowUp, Ticket  # noqa: E402

print(Ticket.objects.count(), FollowUp.objects.count())
