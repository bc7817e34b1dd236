"""One environment of EASi, in the order of its release. `pulumi up -s <environment>` is the release."""

import pulumi

from components import aws_location, response_headers
from components.alarms import Alarms, AlarmsArgs
from components.autoscaling import ServiceAutoscaling, ServiceAutoscalingArgs
from components.backend_image import BackendImage, BackendImageArgs, Build, Promoted
from components.cluster import Cluster, ClusterArgs
from components.component import tagged, tags_of
from components.deploy_lambda import DeployLambda, DeployLambdaArgs, FunctionNetwork
from components.ecs_service import EcsService, EcsServiceArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.network import ExistingVpc, Network, NetworkArgs, NewVpc
from components.policies import RoleOptions
from components.release_store import ReleaseStore, ReleaseStoreArgs
from components.site_domain import Domain
from components.static_site import SAME_SITE, StaticSite, StaticSiteArgs
from components.target import Route
from components.vpc_origin import name_pattern
from release import build_context, docker_login, stack, unfinished_origin
from release.candidate import find_candidate
from release.image import PLATFORMS
from release.resource import Release
from settings import fields, names, reader
from settings import run as invocation

HEALTH_PATH = "/api/v1/healthcheck"

settings = fields.load_stack()
run = invocation.load()
environment = pulumi.get_stack()
name = f"{pulumi.get_project()}-{environment}"
location = aws_location.find(settings.zones if settings.vpc_cidr else 0)
pulumi.runtime.register_stack_transformation(tagged(tags_of(pulumi.get_project(), environment)))
roles = RoleOptions(path=settings.role_path, permissions_boundary=settings.permissions_boundary or None)

candidate = find_candidate(environment, settings, run)
page_policy = settings.content_security_policy or SAME_SITE
us_east_1 = aws_location.us_east_1(reader.of_stack(), reader.secret_keys(reader.of_stack()))

network = Network(
    "network",
    NetworkArgs(
        vpc=NewVpc(
            zones=location.zones,
            region=location.region,
            cidr=settings.vpc_cidr,
            nat_gateways=settings.nat_gateways,
            flow_log_days=settings.flow_log_days or None,
            keep=settings.protect,
        )
        if settings.vpc_cidr
        else ExistingVpc(
            vpc_id=settings.vpc_id or None,
            vpc_tags=settings.vpc_tags,
            private_subnet_ids=settings.private_subnet_ids,
            private_subnet_tags=settings.private_subnet_tags,
        ),
        vpc_origin=True,
    ),
)
store = ReleaseStore(
    "store",
    ReleaseStoreArgs(
        partition=location.partition,
        reader_accounts=settings.reader_account_ids,
        key_arn=settings.data_key_arn or None,
        keep=settings.protect,
    ),
)
image = BackendImage(
    "backend",
    BackendImageArgs(
        image=Promoted(digest=candidate.image)
        if isinstance(candidate.image, str)
        else Build(
            context=candidate.image.as_posix(),
            arguments={
                "EASI_VERSION": candidate.version,
                "GO_IMAGE": settings.go_image,
                # The time of everything in the image; see "Build reproducibility" in BuildKit's documentation.
                "SOURCE_DATE_EPOCH": str(build_context.MODIFIED_AT),
            },
            tag=f"{environment}-{candidate.version}",
            platform=PLATFORMS[settings.cpu_architecture],
        ),
        repository_url=store.repository_url,
        registry_id=store.registry_id,
        sign_in=docker_login.sign_in,
    ),
)
balancer = LoadBalancer(
    "backend",
    LoadBalancerArgs(
        vpc_id=network.vpc_id,
        subnet_ids=network.private_subnet_ids,
        certificate_arn=settings.load_balancer_certificate_arn or None,
        access_log_days=settings.load_balancer_log_days or None,
        keep=settings.protect,
    ),
)
cluster = Cluster("backend", ClusterArgs(cluster_name=name, container_insights=settings.container_insights))
service = EcsService(
    "backend",
    EcsServiceArgs(
        family=name,
        cluster=cluster,
        image=image.reference,
        repository_arns=[store.repository_arn],
        vpc_id=network.vpc_id,
        subnet_ids=network.private_subnet_ids,
        region=location.region,
        route=Route(load_balancer=balancer, health_path=HEALTH_PATH),
        cpu=settings.cpu,
        memory=settings.memory,
        cpu_architecture=settings.cpu_architecture,
        environment={
            **settings.backend_environment,
            names.ENVIRONMENT_VARIABLE: environment,
            names.HEALTH_PATH_VARIABLE: HEALTH_PATH,
        },
        secrets=settings.backend_secrets,
        secret_key_arns=settings.secret_key_arns,
        health_command=["/backend", "healthcheck"],
        execute_command=settings.execute_command,
        health_check_grace_s=settings.health_check_grace,
        deployment_alarm=settings.deployment_alarms,
        log_retention_days=settings.log_retention_days,
        log_key_arn=settings.log_key_arn or None,
        role_options=roles,
    ),
)
site = StaticSite(
    "site",
    StaticSiteArgs(
        api=balancer,
        # Only a first update can have left one behind, and looking takes time.
        vpc_origin_id=None if candidate.outputs else unfinished_origin.find(name_pattern("site"), invocation.sign_in),
        domain=Domain(
            name=settings.domain,
            certificate_arn=settings.certificate_arn or None,
            zone_id=settings.hosted_zone_id or None,
        )
        if settings.domain
        else None,
        us_east_1=us_east_1,
        web_acl_arn=settings.web_acl_arn or None,
        # Until a release is recorded with the new policy, the page that runs keeps what its own allows.
        content_security_policy=response_headers.union(
            candidate.outputs.get("contentSecurityPolicy", page_policy), page_policy
        ),
        permissions_policy=settings.permissions_policy or None,
        hsts_subdomains=settings.hsts_subdomains,
        origin_shield_region=settings.origin_shield_region or None,
        access_log_days=settings.access_log_days or None,
        key_arn=settings.data_key_arn or None,
        partition=location.partition,
        reader_accounts=settings.reader_account_ids,
        keep=settings.protect,
    ),
)
deploy = DeployLambda(
    "deploy",
    DeployLambdaArgs(
        function_name=f"{name}-deploy",
        source=run.root / "functions",
        service=service,
        records_bucket=store.records_bucket,
        records_key_arn=settings.data_key_arn or None,
        network=FunctionNetwork(vpc_id=network.vpc_id, subnet_ids=network.private_subnet_ids)
        if settings.deploy_in_vpc
        else None,
        log_retention_days=settings.log_retention_days,
        log_key_arn=settings.log_key_arn or None,
        role_options=roles,
    ),
)
alarms = Alarms(
    "backend",
    AlarmsArgs(
        service=service,
        deploy=deploy,
        site=site,
        us_east_1=us_east_1,
        emails=settings.alarm_emails,
        topic_key_arn=settings.data_key_arn or None,
        us_east_1_topic_key_arn=settings.us_east1_key_arn or None,
        container_insights=settings.container_insights != "disabled",
    ),
)
url = site.distribution_domain_name.apply(settings.url)
release = Release(
    "release",
    environment=environment,
    version=candidate.version,
    image=image.reference,
    cpu_architecture=settings.cpu_architecture,
    task_definition=service.task_definition_arn,
    static_manifest=candidate.static_manifest,
    source=candidate.source,
    service=service.service_arn,
    network=service.network,
    execute_command=service.execute_command,
    deploy_function=deploy.function_name,
    counts={"minimum": settings.min_count, "maximum": settings.max_count},
    rollout_deadline=settings.rollout_deadline,
    site={
        "bucket": site.bucket,
        "distributionId": site.distribution_id,
        "routes": site.routes,
        "url": url,
        "connectTo": site.distribution_domain_name.apply(settings.address),
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
    reason=candidate.reason,
    named=run.requested_version is not None,
    connection=invocation.connection(settings.probe_secret),
    container=name,
    migration={"command": settings.migration_command, "timeout": settings.migration_timeout},
    restart=run.restart_reason or "",
    # Everything that serves exists before a release starts to prove it.
    opts=pulumi.ResourceOptions(depends_on=[service, site, deploy]),
)
if settings.max_count > settings.min_count:
    ServiceAutoscaling(
        "backend",
        ServiceAutoscalingArgs(
            service=service,
            min_count=settings.min_count,
            max_count=settings.max_count,
            cpu_percent=settings.scale_at_cpu_percent,
        ),
        # A scalable target starts tasks at once, and nothing may run before it is proven.
        opts=pulumi.ResourceOptions(depends_on=[release]),
    )

pulumi.export("url", url)
pulumi.export("healthcheckUrl", pulumi.Output.concat(url, HEALTH_PATH))
pulumi.export("release", release.release.apply(stack.output_of))
pulumi.export("cluster", service.cluster_name)
pulumi.export("service", service.service_name)
pulumi.export("deployFunction", deploy.function_name)
pulumi.export("bucket", site.bucket)
pulumi.export("distributionId", site.distribution_id)
pulumi.export("repository", store.repository_url)
pulumi.export("recordsBucket", store.records_bucket)
pulumi.export("contentSecurityPolicy", page_policy)
pulumi.export("alarmTopic", alarms.topic_arn)
pulumi.export("dashboard", alarms.dashboard_name)
# Pulumi Cloud's console shows it, with the outputs filled in. A state of one's own is in an organization of this name.
if pulumi.get_organization() != "organization":
    pulumi.export("readme", (run.root / "Pulumi.README.md").read_text(encoding="utf-8"))
