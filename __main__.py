"""One environment of the application, in the order of its release. `pulumi up -s <environment>` is the release."""

import pulumi

import composition
from components import aws_location, response_headers
from components.alarms import Alarms, AlarmsArgs, Watched
from components.autoscaling import ServiceAutoscaling, ServiceAutoscalingArgs
from components.backend_image import BackendImage, BackendImageArgs, Build, Promoted
from components.cluster import Cluster, ClusterArgs
from components.component import tagged, tags_of
from components.deploy_lambda import DeployLambda, DeployLambdaArgs, FunctionNetwork
from components.ecs_service import EcsService, EcsServiceArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.network import Network, NetworkArgs
from components.policies import RoleOptions
from components.release_store import ReleaseStore, ReleaseStoreArgs
from components.site_domain import Domain
from components.static_site import SAME_SITE, StaticSite, StaticSiteArgs
from components.vpc_origin import name_pattern
from release import build_context, docker_login, identity, image_tags, invocation, stack, unfinished_origin
from release.candidate import find_candidate
from release.image import PLATFORMS
from release.resource import Release
from settings import fields, own_names, path_patterns, reader

settings = fields.load_stack()
run = invocation.load()
environment = pulumi.get_stack()
name = f"{pulumi.get_project()}-{environment}"
location = aws_location.find(settings.zones if settings.vpc_cidr else 0)
pulumi.runtime.register_stack_transformation(tagged(tags_of(pulumi.get_project(), environment)))
roles = RoleOptions(path=settings.role_path, permissions_boundary=settings.permissions_boundary or None)

candidate = find_candidate(environment, settings, run)
us_east_1 = aws_location.us_east_1(reader.of_stack(), reader.secret_keys(reader.of_stack()))

if settings.services:
    network = Network("network", NetworkArgs(vpc=composition.vpc(settings, location), vpc_origin=True))
    cluster = Cluster("backend", ClusterArgs(cluster_name=name, container_insights=settings.container_insights))
store = ReleaseStore(
    "store",
    ReleaseStoreArgs(
        partition=location.partition,
        reader_accounts=settings.reader_account_ids,
        key_arn=settings.data_key_arn or None,
        keep=settings.protect,
    ),
)
balancer = None
if paths := path_patterns.of_services(settings.services):
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
images: dict[str, BackendImage] = {}
services: dict[str, EcsService] = {}
deploys: dict[str, DeployLambda] = {}
for key, service in settings.services.items():
    proven_image = candidate.images[key]
    images[key] = BackendImage(
        key,
        BackendImageArgs(
            image=Promoted(digest=proven_image.rpartition("@")[2])
            if isinstance(proven_image, str)
            else Build(
                context=proven_image.as_posix(),
                dockerfile=service.build.dockerfile,
                arguments={
                    **service.build.filled(version=candidate.version, time=candidate.time),
                    "RELEASE_VERSION": candidate.version,
                    # The time of everything in the image; see "Build reproducibility" in BuildKit's documentation.
                    "SOURCE_DATE_EPOCH": str(build_context.MODIFIED_AT),
                },
                tag=image_tags.tag(environment, key, candidate.version),
                platform=PLATFORMS[service.cpu_architecture],
            ),
            repository_url=store.repository_url,
            registry_id=store.registry_id,
            sign_in=docker_login.sign_in,
        ),
    )
    route = composition.route(key, service, balancer)
    services[key] = EcsService(
        key,
        EcsServiceArgs(
            family=own_names.own_name(name, key),
            cluster=cluster,
            image=images[key].reference,
            repository_arns=[
                store.repository_arn,
                *composition.sidecar_repositories(service, location.partition),
            ],
            vpc_id=network.vpc_id,
            subnet_ids=network.private_subnet_ids,
            region=location.region,
            route=route,
            container_port=service.port,
            cpu=service.cpu,
            memory=service.memory,
            cpu_architecture=service.cpu_architecture,
            environment=composition.variables(service, environment),
            secrets=service.secrets,
            secret_key_arns=service.secret_key_arns,
            command=service.command,
            health_command=service.health.command,
            health_start_period_s=service.health.start_period,
            user=service.user or None,
            read_only_root=service.read_only_root,
            security_group_ids=service.security_group_ids,
            sidecars=composition.sidecars(service),
            task_statements=service.statements,
            execute_command=service.execute_command,
            stop_timeout_s=service.stop_timeout,
            health_check_grace_s=service.health.grace if route else None,
            deployment_alarm=service.deployment_alarms if route else None,
            log_retention_days=settings.log_retention_days,
            log_key_arn=settings.log_key_arn or None,
            role_options=roles,
        ),
    )
    deploys[key] = DeployLambda(
        own_names.part_name(key, "deploy"),
        DeployLambdaArgs(
            function_name=f"{own_names.own_name(name, key)}-deploy",
            source=run.root / "functions",
            service=services[key],
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
sites: dict[str, StaticSite] = {}
policies: dict[str, str] = {}
for key, site in settings.sites.items():
    policies[key] = site.content_security_policy or SAME_SITE
    sites[key] = StaticSite(
        key,
        StaticSiteArgs(
            files=bool(site.folder),
            api=balancer,
            api_paths=paths,
            # Only a first update can have left one behind, and looking takes time.
            vpc_origin_id=None
            if candidate.outputs or balancer is None
            else unfinished_origin.find(name_pattern(key), invocation.sign_in),
            domain=Domain(
                name=site.domain,
                certificate_arn=site.certificate_arn or None,
                zone_id=site.hosted_zone_id or None,
            )
            if site.domain
            else None,
            us_east_1=us_east_1,
            web_acl_arn=site.web_acl_arn or None,
            # Until a release is recorded with the new policy, the page that runs keeps what its own allows.
            content_security_policy=response_headers.union(
                composition.policy_that_runs(key, candidate.outputs, policies[key]), policies[key]
            ),
            permissions_policy=site.permissions_policy or None,
            hsts_subdomains=site.hsts_subdomains,
            origin_shield_region=site.origin_shield_region or None,
            access_log_days=site.access_log_days or None,
            pages=site.page_mode,
            key_arn=settings.data_key_arn or None,
            partition=location.partition,
            reader_accounts=settings.reader_account_ids,
            keep=settings.protect,
        ),
    )
alarms = Alarms(
    own_names.MAIN_SERVICE if own_names.MAIN_SERVICE in settings.services else "application",
    AlarmsArgs(
        services={key: Watched(service=made, deploy=deploys[key]) for key, made in services.items()},
        sites=sites,
        us_east_1=us_east_1,
        emails=settings.alarm_emails,
        topic_key_arn=settings.data_key_arn or None,
        us_east_1_topic_key_arn=settings.us_east1_key_arn or None,
        container_insights=settings.container_insights != "disabled",
    ),
    # A topic that is replaced loses its subscriptions: an earlier program called it so in every project.
    opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name=own_names.MAIN_SERVICE)]),
)
urls = {key: made.distribution_domain_name.apply(settings.sites[key].url) for key, made in sites.items()}
addresses = {key: made.distribution_domain_name.apply(settings.sites[key].address) for key, made in sites.items()}
# A worker needs no address.
url, address = (identity.first(urls), identity.first(addresses)) if sites else ("", "")
release = Release(
    "release",
    {
        "environment": environment,
        "version": candidate.version,
        "account": store.registry_id,
        "region": location.region,
        "services": {
            key: composition.service_inputs(
                service,
                services[key],
                container=own_names.own_name(name, key),
                image=images[key].reference,
                proven=candidate.images[key],
                deploy=deploys[key],
                url=url,
                address=address,
            )
            for key, service in settings.services.items()
        },
        "sites": {
            key: composition.site_inputs(
                settings.sites[key], sites[key], files, environment=environment, url=urls[key], address=addresses[key]
            )
            for key, files in candidate.sites.items()
        },
        "recordsBucket": store.records_bucket,
        "rolloutDeadline": settings.rollout_deadline,
        "keep": settings.keep_releases,
        "refuseFindings": settings.refuse_findings,
        "requireSnapshot": settings.require_snapshot,
        "reason": candidate.reason,
        "named": run.requested_version is not None,
        "environmentBefore": candidate.environment_before,
        "connection": invocation.connection(settings.probe_secret, before=candidate.probe_secret_before),
        "restart": run.restart_reason or "",
    },
    # Everything that serves exists before a release starts to prove it.
    pulumi.ResourceOptions(depends_on=[*services.values(), *sites.values(), *deploys.values()]),
)
for key, service in settings.services.items():
    if service.max_count > service.min_count:
        ServiceAutoscaling(
            key,
            ServiceAutoscalingArgs(
                service=services[key],
                min_count=service.min_count,
                max_count=service.max_count,
                cpu_percent=service.scale_at_cpu_percent,
            ),
            # A scalable target starts tasks at once, and nothing may run before it is proven.
            opts=pulumi.ResourceOptions(depends_on=[release]),
        )

if sites:
    pulumi.export("url", url)
if paths:
    routed = {key: service for key, service in settings.services.items() if service.paths}
    pulumi.export("healthcheckUrl", pulumi.Output.concat(url, identity.first(routed).health.path))
pulumi.export("release", release.release.apply(stack.output_of))
if services:
    pulumi.export("cluster", identity.first(services).cluster_name)
pulumi.export("promoteFrom", settings.promote_from)
pulumi.export("repository", store.repository_url)
pulumi.export("recordsBucket", store.records_bucket)
pulumi.export("alarmTopic", alarms.topic_arn)
pulumi.export("dashboard", alarms.dashboard_name)
pulumi.export(
    "services",
    {
        key: composition.service_outputs(service, services[key], deploys[key], url)
        for key, service in settings.services.items()
    },
)
pulumi.export(
    "sites",
    {
        key: composition.site_outputs(made, url=urls[key], content_security_policy=policies[key])
        for key, made in sites.items()
    },
)
# Pulumi Cloud's console shows it, with the outputs filled in. A state of one's own is in an organization of this name.
if pulumi.get_organization() != "organization":
    pulumi.export("readme", (run.root / "Pulumi.README.md").read_text(encoding="utf-8"))
