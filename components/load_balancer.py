"""An internal Application Load Balancer for one service or many."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components import log_buckets
from components.component import Component

HTTP, HTTPS = 80, 443
IDLE_TIMEOUT_S = 60
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
"""TLS 1.3 and 1.2 with forward secrecy only, and a key exchange that quantum computers do not break where the client
has it: what AWS recommends. Without a policy in the request, the API takes one of 2016 with TLS 1.0.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html"""

CLOUDFRONT_GROUP = "CloudFront-VPCOrigins-Service-SG"
"""The security group that CloudFront makes in a network with its first VPC origin there, and sends requests from: they
have no address of the network ("Restrict access with VPC origins", Amazon CloudFront Developer Guide)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    """Private subnets in at least two zones."""
    allowed_cidrs: Sequence[pulumi.Input[str]] = ()
    """Who may connect, as IPv4 networks. A site in front of it (`StaticSite`) lets CloudFront in by itself."""
    certificate_arn: pulumi.Input[str] | None = None
    """ACM certificate of this region. With one, HTTPS serves on 443; without, HTTP on 80. A port that is not served any
    more goes last in an update, after what asks the other one."""
    access_log_days: int | None = None
    """Days to keep access logs, 1 or more, in a bucket of their own. None writes none."""
    keep: bool = False
    """Neither AWS nor Pulumi deletes it: for load balancers whose name is in somebody's DNS. The logs stay, too."""


class LoadBalancer(Component):
    """An Application Load Balancer without a public address, which answers 404 to what no service's rule takes.

    Services add their rules to `listener`: `EcsService` does so for its `Route`. Whether it is a service's own or
    shared is only a matter of who is given it. Requests with invalid header fields lose those on the way (request
    smuggling). A connection may be silent for 60 s: the program behind must keep it open for longer, or the load
    balancer answers 502 now and then.
    """

    arn: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]
    """What CloudWatch calls it."""
    dns_name: pulumi.Output[str]
    vpc_id: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    listener: aws.lb.Listener
    """The listener that serves."""
    https: bool

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("easi:service:LoadBalancer", name, opts)
        self.https = args.certificate_arn is not None
        self._port = HTTPS if self.https else HTTP
        self._name, self._priorities = name, dict[int, str]()
        self._cloudfront: aws.vpc.SecurityGroupIngressRule | None = None
        group = self._security_group(name, args)
        # Said also where they are off: the AWS provider does not send a block that is left out.
        logs: aws.lb.LoadBalancerAccessLogsArgsDict = {"enabled": False, "bucket": ""}
        needed: list[pulumi.Resource] = []
        if args.access_log_days is not None:
            bucket, policy = log_buckets.of_load_balancer(
                f"{name}-logs", group.arn, days=args.access_log_days, keep=args.keep, opts=self.child
            )
            logs, needed = {"enabled": True, "bucket": bucket.bucket}, [policy]
        balancer = aws.lb.LoadBalancer(
            name,
            internal=True,
            load_balancer_type="application",
            subnets=args.subnet_ids,
            security_groups=[group.id],
            drop_invalid_header_fields=True,
            idle_timeout=IDLE_TIMEOUT_S,
            enable_deletion_protection=args.keep,
            access_logs=logs,
            opts=pulumi.ResourceOptions(parent=self, protect=True if args.keep else None, depends_on=needed),
        )
        self.listener = self._listener(name, args, balancer)
        self.arn, self.arn_suffix = balancer.arn, balancer.arn_suffix
        self.dns_name = balancer.dns_name
        self.vpc_id, self.security_group_id = group.vpc_id, group.id
        self.register_outputs({"arn": self.arn, "dnsName": self.dns_name, "listenerArn": self.listener.arn})

    def claim_priority(self, priority: int, service: str) -> None:
        """Take a place among the listener's rules. Raises ValueError if another service has it."""
        if priority in self._priorities:
            raise ValueError(
                f"priority {priority} is taken by service {self._priorities[priority]!r} on the same load balancer: "
                f"give the route of {service!r} another; lower numbers are asked first"
            )
        self._priorities[priority] = service

    def admit_cloudfront(self, origin: aws.cloudfront.VpcOrigin) -> aws.vpc.SecurityGroupIngressRule:
        """The rule that lets CloudFront in: one, however many sites are in front. What sends requests depends on it.

        It names a group that is there once a VPC origin is, and that CloudFront cannot delete before the rule is gone.
        A rule for another port is another one, so that the old port stays open until no origin asks it any more.
        """
        if self._cloudfront is None:
            group = aws.ec2.get_security_group_output(
                name=CLOUDFRONT_GROUP,
                vpc_id=self.vpc_id,
                opts=pulumi.InvokeOutputOptions(parent=self, depends_on=[origin]),
            )
            self._cloudfront = aws.vpc.SecurityGroupIngressRule(
                f"{self._name}-{self._port}-cloudfront",
                security_group_id=self.security_group_id,
                ip_protocol="tcp",
                from_port=self._port,
                to_port=self._port,
                referenced_security_group_id=group.id,
                description="CloudFront",
                opts=pulumi.ResourceOptions(parent=self, depends_on=[origin]),
            )
        return self._cloudfront

    def _security_group(self, name: str, args: LoadBalancerArgs) -> aws.ec2.SecurityGroup:
        # The description is never changed: another one would be another group.
        group = aws.ec2.SecurityGroup(
            name, vpc_id=args.vpc_id, description="Load balancer: HTTP from inside the network", opts=self.child
        )
        for number, cidr in enumerate(args.allowed_cidrs):
            # By its network where that is known: one that is taken out of the list leaves the others alone.
            source = cidr if isinstance(cidr, str) else str(number)
            first = [pulumi.Alias(name=name)] if (self._port, number) == (HTTP, 0) else []
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-{self._port}-{source}",
                security_group_id=group.id,
                ip_protocol="tcp",
                from_port=self._port,
                to_port=self._port,
                cidr_ipv4=cidr,
                description="HTTPS" if self.https else "HTTP",
                opts=pulumi.ResourceOptions(parent=self, aliases=first),
            )
        return group

    def _listener(self, name: str, args: LoadBalancerArgs, balancer: aws.lb.LoadBalancer) -> aws.lb.Listener:
        no_service: Any = {
            "type": "fixed-response",
            "fixed_response": {
                "content_type": "text/plain",
                "message_body": "No service has this path.",
                "status_code": "404",
            },
        }
        return aws.lb.Listener(
            f"{name}-https" if self.https else name,
            load_balancer_arn=balancer.arn,
            port=self._port,
            protocol="HTTPS" if self.https else "HTTP",
            certificate_arn=args.certificate_arn,
            ssl_policy=TLS_POLICY if self.https else None,
            default_actions=[no_service],
            opts=self.child,
        )
