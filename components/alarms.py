"""What pages someone, and the dashboard that they look at first."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components import alarm_rules, dashboard, metrics, policies
from components.alarm_rules import Rule, Watched
from components.component import Component
from components.deploy_lambda import DeployLambda
from components.static_site import StaticSite

__all__ = ["Alarms", "AlarmsArgs", "Watched"]

FAILED_OUTCOMES = ("failed", "no_tasks", "rolled_back")
"""The deploy function's verdicts on a deployment that count as a failed release."""
COMPARISONS = {">=": "GreaterThanOrEqualToThreshold", "<": "LessThanThreshold"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    services: Mapping[str, Watched]
    """By name, with which the names of their alarms begin, in their order on the dashboard."""
    sites: Mapping[str, StaticSite] = dataclasses.field(default_factory=dict)
    """By name, the sites in front of them. CloudFront's metrics are in us-east-1, and so are the alarms on them:
    without `us_east_1` they are on the dashboard only."""
    us_east_1: aws.Provider | None = None
    """Provider for us-east-1."""
    emails: Sequence[str] = ()
    """Who gets a mail. Each address has to follow the link in its first one. Without any: subscribe something else to
    `topic_arn` and `us_east_1_topic_arn`."""
    topic_key_arn: str | None = None
    """KMS key that encrypts what waits in the topic. Its policy must let cloudwatch.amazonaws.com use it
    (kms:Decrypt, kms:GenerateDataKey*), or alarms get lost; the key that AWS keeps for SNS cannot be used:
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"""
    us_east_1_topic_key_arn: str | None = None
    """The same for the topic in us-east-1."""
    container_insights: bool = True
    """Whether the cluster has Container Insights. Without, nothing tells how many tasks are missing."""


class Alarms(Component):
    """The alarms of an environment's services and sites, a topic that they go to, and a dashboard of all.

    Behind a load balancer, "no healthy host" is on until something was released. A failed release is one whose
    deployment the deploy function found failed; what fails after it (health check, site) is told by the release itself.
    Alarms have names that the engine makes up.
    """

    topic_arn: pulumi.Output[str]
    us_east_1_topic_arn: pulumi.Output[str] | None
    """None without a site, or without a provider for it."""
    dashboard_name: pulumi.Output[str]

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("easi:alarms:Alarms", name, opts)
        for key, watched in args.services.items():
            if watched.deploy:
                _count_failed_releases(key, watched.deploy, self.child)
        topic = _topic(name, args.emails, args.topic_key_arn, self.child)
        alarms = [_alarm(key, rule, topic, self.child) for key in args.services for rule in _rules(name, args, key)]
        self.us_east_1_topic_arn = None
        if args.sites and args.us_east_1:
            in_us_east_1 = pulumi.ResourceOptions.merge(self.child, pulumi.ResourceOptions(provider=args.us_east_1))
            other = _topic(f"{name}-us-east-1", args.emails, args.us_east_1_topic_key_arn, in_us_east_1)
            for key, site in args.sites.items():
                for rule in alarm_rules.of_site(site, key):
                    _alarm(name, rule, other, in_us_east_1)
            self.us_east_1_topic_arn = other.arn
        board = aws.cloudwatch.Dashboard(
            name,
            dashboard_name=f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}",
            dashboard_body=dashboard.body(args.services, args.sites, [alarm.arn for alarm in alarms]),
            opts=self.child,
        )
        self.topic_arn, self.dashboard_name = topic.arn, board.dashboard_name
        self.register_outputs({"topicArn": self.topic_arn, "dashboardName": self.dashboard_name})


def _count_failed_releases(name: str, deploy: DeployLambda, opts: pulumi.ResourceOptions) -> None:
    """By the deploy function's log lines, which are JSON as the function prints them."""
    metric = metrics.of_failed_releases(name)
    outcomes = " || ".join(f'($.outcome = "{outcome}")' for outcome in FAILED_OUTCOMES)
    aws.cloudwatch.LogMetricFilter(
        metric.name,
        log_group_name=deploy.log_group_name,
        # Of one deployment: a look at the service in general finds its last failure again, which is not news.
        pattern=f"{{ ($.deployment = *) && ({outcomes}) }}",
        metric_transformation={"namespace": metric.namespace, "name": metric.name, "value": "1", "unit": "Count"},
        opts=opts,
    )


def _rules(name: str, args: AlarmsArgs, key: str) -> list[Rule]:
    service, deploy = args.services[key].service, args.services[key].deploy
    rules: list[Rule] = []
    if service.load_balancer:
        rules += alarm_rules.of_targets(service)
        # Its own errors do not say whose they are: they are watched once, with the service that has the alarms' name.
        behind_it = [other for other, watched in args.services.items() if watched.service.load_balancer]
        is_main = key == min(behind_it, key=lambda other: other != name)
        rules += alarm_rules.of_load_balancer(service) if is_main else []
    rules += alarm_rules.of_service(service, container_insights=args.container_insights)
    if deploy:
        rules += alarm_rules.of_deploy(key, deploy)
    return rules


def _alarm(name: str, rule: Rule, topic: aws.sns.Topic, opts: pulumi.ResourceOptions) -> aws.cloudwatch.MetricAlarm:
    return aws.cloudwatch.MetricAlarm(
        f"{name}-{rule.name}",
        alarm_description=rule.description,
        comparison_operator=COMPARISONS[rule.comparison],
        threshold=rule.threshold,
        evaluation_periods=rule.periods,
        treat_missing_data=rule.missing,
        alarm_actions=[topic.arn],
        ok_actions=[topic.arn] if rule.ends else None,
        **(_compared(rule) if rule.expression else _alone(rule)),
        opts=opts,
    )


def _alone(rule: Rule) -> dict[str, Any]:
    (metric,) = rule.metrics.values()
    return {
        "namespace": metric.namespace,
        "metric_name": metric.name,
        "dimensions": metric.dimensions or None,
        "period": rule.period_s,
        "statistic": metric.statistic,
    }


def _compared(rule: Rule) -> dict[str, Any]:
    measured = [
        {
            "id": identity,
            "return_data": False,
            "metric": {
                "namespace": metric.namespace,
                "metric_name": metric.name,
                "dimensions": metric.dimensions or None,
                "period": rule.period_s,
                "stat": metric.statistic,
            },
        }
        for identity, metric in sorted(rule.metrics.items())
    ]
    result = {"id": "result", "expression": rule.expression, "label": rule.name, "return_data": True}
    return {"metric_queries": [*measured, result]}


def _topic(name: str, emails: Sequence[str], key_arn: str | None, opts: pulumi.ResourceOptions) -> aws.sns.Topic:
    """A topic whose policy lets CloudWatch alarms of its account and region publish, over TLS, and nobody else.

    Who may publish by a policy of their own in the account still may. Every address gets a mail with a link: until it
    is followed, that address hears nothing, and AWS cannot remove the subscription.
    """
    topic = aws.sns.Topic(name, kms_master_key_id=key_arn, opts=opts)
    statements = [_publish(topic.arn), policies.only_tls("sns:Publish", topic.arn)]
    aws.sns.TopicPolicy(name, arn=topic.arn, policy=policies.document(*statements), opts=opts)
    for email in sorted(set(emails)):
        aws.sns.TopicSubscription(f"{name}-{email}", topic=topic.arn, protocol="email", endpoint=email, opts=opts)
    return topic


def _publish(topic_arn: pulumi.Output[str]) -> dict[str, Any]:
    # arn:<partition>:sns:<region>:<account>:<name>
    parts = topic_arn.apply(lambda arn: arn.split(":"))
    alarms = parts.apply(lambda part: f"arn:{part[1]}:cloudwatch:{part[3]}:{part[4]}:alarm:*")
    return policies.grant(
        {"Service": "cloudwatch.amazonaws.com"},
        "sns:Publish",
        topic_arn,
        # The service would publish for any account that names the topic.
        {"StringEquals": {"aws:SourceAccount": parts[4]}, "ArnLike": {"aws:SourceArn": alarms}},
        sid="Alarms",
    )
