"""Brokers: the only place that knows what differs between Redis, Redis behind Sentinel, and RabbitMQ.

    schemes ─► url: what a URL says, judged
                └─► broker: putting messages on queues and counting them, by `redis_broker` or `rabbitmq_broker`
                └─► celery_settings: what Celery is told of the broker

Invariants:
    * nothing outside this package tests the scheme of a broker's URL;
    * a certificate is verified, its host's name too, unless the URL says otherwise;
    * on RabbitMQ a message is put on a queue that was declared, and counts as put once a majority of the queue has it.
"""
