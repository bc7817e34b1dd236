"""One environment of EASi, in the order of its release. `pulumi up -s <environment>` is the release."""

import pulumi

import candidate
import place
import settings as project
from components.autoscaling import ServiceAutoscaling, ServiceAutoscalingArgs
from components.backend_image import BackendImage, BackendImageArgs
from components.deploy_lambda import DeployLambda, DeployLambdaArgs
from components.ecs_service import EcsService, EcsServiceArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.network import ExistingVpc, Network, NewVpc
from components.policies import RoleOptions
from components.release_store import ReleaseStore, ReleaseStoreArgs
from components.static_site import StaticSite, StaticSiteArgs
from release.resource import Release

HEALTH_PATH = "/api/v1/healthcheck"

settings = project.load_stack()
run = project.load_run()
environment = pulumi.get_stack()
name = f"{pulumi.get_project()}-{environment}"
where = place.find()
roles = RoleOptions(path=settings.role_path, permissions_boundary=settings.permissions_boundary or None)

version = candidate.find(environment, settings, run)

network = Network(
    "network",
    ExistingVpc(vpc_id=settings.vpc_id, private_subnet_ids=settings.private_subnet_ids)
    if settings.vpc_id
    else NewVpc(
        zones=where.zones,
        cidr=settings.vpc_cidr,
        nat_gateways=settings.nat_gateways,
    ),
)
store = ReleaseStore(
    "store",
    ReleaseStoreArgs(
        repository=name,
        partition=where.partition,
        reader_accounts=settings.reader_account_ids,
        keep=settings.protect,
    ),
)
image = BackendImage(
    "backend",
    BackendImageArgs(image=version.image, repository_url=store.repository_url, registry_id=store.registry_id),
)
balancer = LoadBalancer(
    "backend",
    LoadBalancerArgs(
        vpc_id=network.vpc_id,
        vpc_cidr=network.cidr,
        subnet_ids=network.private_subnet_ids,
        health_path=HEALTH_PATH,
    ),
)
service = EcsService(
    "backend",
    EcsServiceArgs(
        service_name=name,
        image=image.reference,
        repository_arn=store.repository_arn,
        vpc_id=network.vpc_id,
        subnet_ids=network.private_subnet_ids,
        load_balancer=balancer,
        region=where.region,
        cpu=settings.cpu,
        memory=settings.memory,
        cpu_architecture=settings.cpu_architecture,
        environment={**settings.backend_environment, "EASI_ENVIRONMENT": environment},
        secrets=settings.backend_secrets,
        health_command=["/backend", "healthcheck"],
        log_retention_days=settings.log_retention_days,
        role_options=roles,
    ),
)
site = StaticSite(
    "site",
    StaticSiteArgs(
        api=balancer,
        domain=settings.domain or None,
        certificate_arn=settings.certificate_arn or None,
        web_acl_arn=settings.web_acl_arn or None,
        partition=where.partition,
        reader_accounts=settings.reader_account_ids,
        keep=settings.protect,
    ),
)
deploy = DeployLambda(
    "deploy",
    DeployLambdaArgs(
        function_name=f"{name}-deploy",
        source=run.root / "functions" / "deploy",
        cluster_name=service.cluster_name,
        cluster_arn=service.cluster_arn,
        service_name=service.service_name,
        service_arn=service.service_arn,
        task_family_arn=service.task_family_arn,
        task_role_arns=service.role_arns,
        task_log_group_arn=service.log_group_arn,
        log_retention_days=settings.log_retention_days,
        role_options=roles,
    ),
)
url = site.distribution_domain_name.apply(settings.url)
release = Release(
    "release",
    environment=environment,
    version=version.version,
    image=image.reference,
    task_definition=service.task_definition_arn,
    static_manifest=version.static_manifest,
    source=version.source,
    service=service.service_arn,
    deploy_function=deploy.function_name,
    counts={"minimum": settings.min_count, "maximum": settings.max_count},
    rollout_deadline=settings.rollout_deadline,
    site={
        "bucket": site.bucket,
        "distributionId": site.distribution_id,
        "url": url,
        "connectTo": settings.connect_to,
        "config": {"environment": environment},
    },
    health={
        "path": HEALTH_PATH,
        "passes": settings.health_passes,
        "interval": settings.health_interval,
        "deadline": settings.health_deadline,
        "requireLiveTimestamp": settings.require_live_timestamp,
    },
    records_bucket=store.records_bucket,
    keep=settings.keep_releases,
    reason=version.reason,
    connection=project.aws_connection(),
    # Everything that serves exists before a release starts to prove it.
    opts=pulumi.ResourceOptions(depends_on=[service, site, deploy]),
)
if settings.max_count > settings.min_count:
    ServiceAutoscaling(
        "backend",
        ServiceAutoscalingArgs(
            cluster_name=service.cluster_name,
            service_name=service.service_name,
            min_count=settings.min_count,
            max_count=settings.max_count,
            cpu_percent=settings.scale_at_cpu_percent,
        ),
        # A scalable target starts tasks at once, and nothing may run before it is proven.
        opts=pulumi.ResourceOptions(depends_on=[release]),
    )

pulumi.export("url", url)
pulumi.export("healthcheckUrl", pulumi.Output.concat(url, HEALTH_PATH))
pulumi.export("release", release.release)
pulumi.export("cluster", service.cluster_name)
pulumi.export("service", service.service_name)
pulumi.export("deployFunction", deploy.function_name)
pulumi.export("bucket", site.bucket)
pulumi.export("distributionId", site.distribution_id)
pulumi.export("repository", store.repository_url)
pulumi.export("recordsBucket", store.records_bucket)
