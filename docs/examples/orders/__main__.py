"""Orders and stock, two services on one load balancer, with a site in front: in a network that is there already.

Nothing here but composition: what it takes on AWS is in `components`, which is used as it is.
"""

import pulumi
import pulumi_aws as aws

from components.alarms import Alarms, AlarmsArgs, Watched
from components.cluster import Cluster, ClusterArgs
from components.component import tagged
from components.container import Sidecar
from components.ecs_service import EcsService, EcsServiceArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.network import ExistingVpc, Network, NetworkArgs
from components.policies import RoleOptions
from components.static_site import StaticSite, StaticSiteArgs
from components.target import Route

HEALTH_PATH = "/health"

config = pulumi.Config()
name = f"{pulumi.get_project()}-{pulumi.get_stack()}"
region = aws.get_region().region
pulumi.runtime.register_stack_transformation(tagged({"Team": "orders", "Environment": pulumi.get_stack()}))
roles = RoleOptions(path=config.require("rolePath"))
protect = config.require_bool("protect")


def image(role: str) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
    """The image of a container by its digest, and the ARN of its repository."""
    repository, _, digest = config.require_object("images")[role].partition("@")
    found = aws.ecr.get_repository_output(name=repository)
    return pulumi.Output.concat(found.repository_url, "@", digest), found.arn


network = Network(
    "network",
    NetworkArgs(
        vpc=ExistingVpc(
            vpc_tags=config.require_object("vpcTags"),
            private_subnet_tags=config.require_object("privateSubnetTags"),
        ),
    ),
)
cluster = Cluster("orders", ClusterArgs(cluster_name=name))
balancer = LoadBalancer(
    "orders",
    LoadBalancerArgs(
        vpc_id=network.vpc_id,
        subnet_ids=network.private_subnet_ids,
        keep=protect,
    ),
)
telemetry_image, telemetry_repository = image("telemetry")


def service(role: str, priority: int) -> EcsService:
    """One of the services: it has /api/<role>/ of the load balancer, and telemetry beside each of its tasks."""
    own_image, own_repository = image(role)
    return EcsService(
        role,
        EcsServiceArgs(
            family=f"{name}-{role}",
            cluster=cluster,
            image=own_image,
            repository_arns=[own_repository, telemetry_repository],
            vpc_id=network.vpc_id,
            subnet_ids=network.private_subnet_ids,
            region=region,
            route=Route(
                load_balancer=balancer,
                health_path=HEALTH_PATH,
                paths=[f"/api/{role}/*"],
                priority=priority,
            ),
            cpu_architecture=config.require("cpuArchitecture"),
            environment={"SERVICE": role},
            sidecars=[
                # What happens to telemetry is no reason to end a task that serves.
                Sidecar(
                    name="telemetry",
                    image=telemetry_image,
                    environment={"PORT": "4318"},
                    port=4318,
                    memory=64,
                    essential=False,
                ),
            ],
            # Pulumi itself runs this many of the newest revision, and rolls them on every change.
            desired_count=config.require_int("tasks"),
            role_options=roles,
        ),
    )


services = {"orders": service("orders", priority=10), "stock": service("stock", priority=20)}
site = StaticSite("site", StaticSiteArgs(api=balancer, api_paths=["/api/*"], keep=protect))
Alarms(
    "orders",
    AlarmsArgs(
        services={role: Watched(service=made) for role, made in services.items()},
        sites={"site": site},
        emails=config.require_object("alarmEmails"),
    ),
)

pulumi.export("url", pulumi.Output.concat("https://", site.distribution_domain_name))
pulumi.export("bucket", site.bucket)
pulumi.export("distributionId", site.distribution_id)
pulumi.export("loadBalancer", balancer.dns_name)
pulumi.export("cluster", cluster.name)
pulumi.export("services", [each.service_name for each in services.values()])
