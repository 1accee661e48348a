"""Prints how many tickets there are, and how many entries of their histories."""

import django

django.setup()

from helpdesk.models import FollowUp, Ticket  # noqa: E402

print(Ticket.objects.count(), FollowUp.objects.count())
