"""An Application Load Balancer for one service or many."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components import log_buckets
from components.component import Component

HTTP, HTTPS = 80, 443
IDLE_TIMEOUT_S = range(1, 4000 + 1)
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html"""
RECOMMENDED_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
"""TLS 1.3 and 1.2 with forward secrecy only, and a key exchange that quantum computers do not break where the client
has it: what AWS recommends. Without a policy in the request, the API takes one of 2016 with TLS 1.0.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html"""

CLOUDFRONT_GROUP = "CloudFront-VPCOrigins-Service-SG"
"""The security group that CloudFront makes in a network with its first VPC origin there, and sends requests from: they
have no address of the network ("Restrict access with VPC origins", Amazon CloudFront Developer Guide)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """Where the load balancer stands, who may connect, and how."""

    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    """Subnets in at least two zones; public ones if it is not internal."""
    internal: bool = True
    """Without a public address."""
    allowed_cidrs: Sequence[pulumi.Input[str]] = ()
    """Who may connect, as IPv4 networks. A site in front of it (`StaticSite`) lets CloudFront in by itself."""
    certificate_arns: Sequence[pulumi.Input[str]] = ()
    """ACM certificates of this region. The first is shown to clients that name no host (SNI). With any, HTTPS serves on
    443, and HTTP on 80 redirects to it where browsers come by themselves, at a public load balancer; without, HTTP
    serves on 80. A port that is not served any more goes last in an update, after what asks the other one."""
    tls_policy: str = RECOMMENDED_TLS_POLICY
    """Protocols and ciphers of HTTPS."""
    access_log_days: int | None = None
    """Days to keep access logs, 1 or more, in a bucket of their own. None writes none."""
    idle_timeout_s: int = 60
    """Seconds that a connection may be silent, 1 to 4000. The program behind must keep connections open for longer, or
    the load balancer answers 502 now and then."""
    keep: bool = False
    """Neither AWS nor Pulumi deletes it: for load balancers whose name is in somebody's DNS. The logs stay, too."""
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Tags of every resource that takes some."""


class LoadBalancer(Component):
    """An Application Load Balancer that answers 404 to what no service's rule takes.

    Services add their rules to `listener`: `EcsService` does so for its `Route`. Whether it is a service's own or
    shared is only a matter of who is given it. Requests with invalid header fields lose those on the way (request
    smuggling). Raises ValueError for numbers that Elastic Load Balancing does not accept.
    """

    arn: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]
    """What CloudWatch calls it."""
    dns_name: pulumi.Output[str]
    zone_id: pulumi.Output[str]
    """The hosted zone of `dns_name`, for alias records."""
    vpc_id: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    listener: aws.lb.Listener
    """The listener that serves."""
    https: bool

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        _check(args)
        super().__init__("easi:service:LoadBalancer", name, args.tags, opts)
        self.https = bool(args.certificate_arns)
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
            internal=args.internal,
            load_balancer_type="application",
            subnets=args.subnet_ids,
            security_groups=[group.id],
            drop_invalid_header_fields=True,
            idle_timeout=args.idle_timeout_s,
            enable_deletion_protection=args.keep,
            access_logs=logs,
            opts=pulumi.ResourceOptions(parent=self, protect=True if args.keep else None, depends_on=needed),
        )
        self.listener = self._listener(name, args, balancer)
        self.arn, self.arn_suffix = balancer.arn, balancer.arn_suffix
        self.dns_name, self.zone_id = balancer.dns_name, balancer.zone_id
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
            port = HTTPS if self.https else HTTP
            self._cloudfront = aws.vpc.SecurityGroupIngressRule(
                f"{self._name}-{port}-cloudfront",
                security_group_id=self.security_group_id,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
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
        for port in self._ports(args):
            for number, cidr in enumerate(args.allowed_cidrs):
                # By its network where that is known: one that is taken out of the list leaves the others alone.
                source = cidr if isinstance(cidr, str) else str(number)
                first = [pulumi.Alias(name=name)] if (port, number) == (HTTP, 0) else []
                aws.vpc.SecurityGroupIngressRule(
                    f"{name}-{port}-{source}",
                    security_group_id=group.id,
                    ip_protocol="tcp",
                    from_port=port,
                    to_port=port,
                    cidr_ipv4=cidr,
                    description="HTTPS" if port == HTTPS else "HTTP",
                    opts=pulumi.ResourceOptions(parent=self, aliases=first),
                )
        return group

    def _ports(self, args: LoadBalancerArgs) -> Sequence[int]:
        """What is listened on. A listener that became a redirect would send away what still asks it."""
        if not self.https:
            return (HTTP,)
        return (HTTPS,) if args.internal else (HTTPS, HTTP)

    def _listener(self, name: str, args: LoadBalancerArgs, balancer: aws.lb.LoadBalancer) -> aws.lb.Listener:
        nothing: Any = {
            "type": "fixed-response",
            "fixed_response": {
                "content_type": "text/plain",
                "message_body": "No service has this path.",
                "status_code": "404",
            },
        }
        if not self.https:
            return aws.lb.Listener(
                name,
                load_balancer_arn=balancer.arn,
                port=HTTP,
                protocol="HTTP",
                default_actions=[nothing],
                opts=self.child,
            )
        first, *others = args.certificate_arns
        listener = aws.lb.Listener(
            f"{name}-https",
            load_balancer_arn=balancer.arn,
            port=HTTPS,
            protocol="HTTPS",
            certificate_arn=first,
            ssl_policy=args.tls_policy,
            default_actions=[nothing],
            opts=self.child,
        )
        for number, certificate in enumerate(others, 2):
            aws.lb.ListenerCertificate(
                f"{name}-{number}",
                listener_arn=listener.arn,
                certificate_arn=certificate,
                opts=self.child,
            )
        if HTTP not in self._ports(args):
            return listener
        redirect: Any = {
            "type": "redirect",
            "redirect": {"port": str(HTTPS), "protocol": "HTTPS", "status_code": "HTTP_301"},
        }
        aws.lb.Listener(
            name,
            load_balancer_arn=balancer.arn,
            port=HTTP,
            protocol="HTTP",
            default_actions=[redirect],
            opts=self.child,
        )
        return listener


def _check(args: LoadBalancerArgs) -> None:
    if args.idle_timeout_s not in IDLE_TIMEOUT_S:
        raise ValueError(f"idle_timeout_s is {args.idle_timeout_s}: expected 1 to {IDLE_TIMEOUT_S.stop - 1}")
