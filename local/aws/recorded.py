"""Properties that the plugin takes and does not send to the emulator. A test holds these lists complete.

Anything that is not here is sent, or refused.
"""

from __future__ import annotations

from .kind import words

HONOURED = {
    "aws:cloudfront/distribution:Distribution": words("retainOnDelete waitForDeployment"),
    "aws:cloudwatch/logGroup:LogGroup": words("skipDestroy"),
    "aws:ecr/repository:Repository": words("forceDelete"),
    "aws:ecs/taskDefinition:TaskDefinition": words("skipDestroy trackLatest"),
    "aws:iam/role:Role": words("forceDetachPolicies"),
    "aws:lambda/function:Function": words("skipDestroy"),
    "aws:s3/bucket:Bucket": words("forceDestroy"),
    "aws:secretsmanager/secret:Secret": words("recoveryWindowInDays"),
}
"""What the plugin itself acts on, mostly when it deletes."""

RECORDED_ONLY = {
    "aws:appautoscaling/policy:Policy": words("predictiveScalingPolicyConfiguration"),
    "aws:cloudfront/distribution:Distribution": words(
        "anycastIpListId cacheTagConfig connectionFunctionAssociation continuousDeploymentPolicyId viewerMtlsConfig"
    ),
    "aws:cloudfront/vpcOrigin:VpcOrigin": words("timeouts"),
    "aws:cloudwatch/logGroup:LogGroup": words("deletionProtectionEnabled"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": words(
        "evaluateLowSampleCountPercentiles evaluationCriteria evaluationInterval evaluationWindow warmUpConfiguration"
    ),
    "aws:ec2/eip:Eip": words(
        "address associateWithPrivateIp customerOwnedIpv4Pool instance ipamPoolId networkBorderGroup "
        "networkInterface publicIpv4Pool"
    ),
    "aws:ec2/natGateway:NatGateway": words(
        "availabilityMode availabilityZoneAddresses privateIp secondaryAllocationIds "
        "secondaryPrivateIpAddressCount secondaryPrivateIpAddresses vpcId"
    ),
    "aws:ec2/route:Route": words("carrierGatewayId coreNetworkArn egressOnlyGatewayId localGatewayId odbNetworkArn"),
    "aws:ec2/routeTable:RouteTable": words("propagatingVgws"),
    "aws:ec2/securityGroup:SecurityGroup": words("revokeRulesOnDelete"),
    "aws:ec2/subnet:Subnet": words(
        "assignIpv6AddressOnCreation customerOwnedIpv4Pool enableDns64 enableLniAtDeviceIndex "
        "enableResourceNameDnsARecordOnLaunch enableResourceNameDnsAaaaRecordOnLaunch ipv4IpamPoolId "
        "ipv4NetmaskLength ipv6CidrBlock ipv6IpamPoolId ipv6Native ipv6NetmaskLength "
        "mapCustomerOwnedIpOnLaunch outpostArn privateDnsHostnameTypeOnLaunch"
    ),
    "aws:ec2/vpc:Vpc": words(
        "assignGeneratedIpv6CidrBlock enableNetworkAddressUsageMetrics ipv4IpamPoolId ipv4NetmaskLength "
        "ipv6CidrBlock ipv6CidrBlockNetworkBorderGroup ipv6IpamPoolId ipv6NetmaskLength"
    ),
    "aws:ecr/repository:Repository": words("imageTagMutabilityExclusionFilters"),
    "aws:ecs/service:Service": words(
        "forceDelete iamRole sigintRollback triggers volumeConfiguration vpcLatticeConfigurations waitForSteadyState"
    ),
    "aws:lambda/function:Function": words(
        "capacityProviderConfig codeSha256 codeSigningConfigArn durableConfig publishTo "
        "replaceSecurityGroupsOnDestroy replacementSecurityGroupIds snapStart sourceCodeHash sourceKmsKeyArn "
        "tenancyConfig useResourceTimeoutForPropagation"
    ),
    "aws:lb/listener:Listener": words(
        "alpnPolicy mutualAuthentication routingHttpRequestXAmznMtlsClientcertHeaderName "
        "routingHttpRequestXAmznMtlsClientcertIssuerHeaderName "
        "routingHttpRequestXAmznMtlsClientcertLeafHeaderName "
        "routingHttpRequestXAmznMtlsClientcertSerialNumberHeaderName "
        "routingHttpRequestXAmznMtlsClientcertSubjectHeaderName "
        "routingHttpRequestXAmznMtlsClientcertValidityHeaderName "
        "routingHttpRequestXAmznTlsCipherSuiteHeaderName routingHttpRequestXAmznTlsVersionHeaderName "
        "routingHttpResponseAccessControlAllowCredentialsHeaderValue "
        "routingHttpResponseAccessControlAllowHeadersHeaderValue "
        "routingHttpResponseAccessControlAllowMethodsHeaderValue "
        "routingHttpResponseAccessControlAllowOriginHeaderValue "
        "routingHttpResponseAccessControlExposeHeadersHeaderValue "
        "routingHttpResponseAccessControlMaxAgeHeaderValue "
        "routingHttpResponseContentSecurityPolicyHeaderValue routingHttpResponseServerEnabled "
        "routingHttpResponseStrictTransportSecurityHeaderValue "
        "routingHttpResponseXContentTypeOptionsHeaderValue routingHttpResponseXFrameOptionsHeaderValue "
        "tcpIdleTimeoutSeconds"
    ),
    "aws:lb/listenerRule:ListenerRule": words("transforms"),
    "aws:lb/loadBalancer:LoadBalancer": words(
        "connectionLogs customerOwnedIpv4Pool dnsRecordClientRoutingPolicy enablePrefixForIpv6SourceNat "
        "enableTlsVersionAndCipherSuiteHeaders enableZonalShift "
        "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic healthCheckLogs ipamPools "
        "minimumLoadBalancerCapacity secondaryIpsAutoAssignedPerSubnet"
    ),
    "aws:lb/targetGroup:TargetGroup": words(
        "connectionTermination lambdaMultiValueHeadersEnabled loadBalancingAnomalyMitigation "
        "loadBalancingCrossZoneEnabled preserveClientIp proxyProtocolV2 targetControlPort targetFailovers "
        "targetGroupHealth targetHealthStates"
    ),
    "aws:s3/bucket:Bucket": words("bucketNamespace"),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": words(
        "expectedBucketOwner timeouts transitionDefaultMinimumObjectSize"
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": words("skipDestroy"),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": words(
        "expectedBucketOwner"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": words("expectedBucketOwner mfa"),
    "aws:secretsmanager/secret:Secret": words("forceOverwriteReplicaSecret replicas type"),
    "aws:secretsmanager/secretVersion:SecretVersion": words("secretStringWoVersion"),
    "aws:ssm/parameter:Parameter": words("arn valueWoVersion"),
}
"""What is kept in the state alone: nothing local depends on it, or the emulator does not know it."""
