# A live shop on AWS: encoders publish to cells of origins, edges collapse what the CDN asks, CloudFront serves the world.

data "aws_route53_zone" "this" {
  name = var.zone_name
}

locals {
  viewer_domain = "${var.host}.${var.zone_name}"
  edge_domain   = "edge.${local.viewer_domain}"
  ingest_domain = "ingest.${local.viewer_domain}"

  target_duration_seconds = 2
  part_target_seconds     = 0.333

  # A channel takes one rule of the load balancer; cells are 100 apart, so that a new channel moves no other.
  first_priorities = { for index, cell in sort(keys(var.cells)) : cell => 100 * (index + 1) }

  edge_shows = { for show, plan in var.shows : show => {
    raise = plan.raise, lower = plan.lower, timezone = plan.timezone, min_tasks = plan.min_edges
  } }
  cell_shows = { for show, plan in var.shows : show => {
    raise = plan.raise, lower = plan.lower, timezone = plan.timezone, min_tasks = 1
  } }
}

module "encryption" {
  source = "../../modules/encryption"

  name = var.name
}

module "network" {
  source = "../../modules/network"

  name        = var.name
  zones       = var.zones
  kms_key_arn = module.encryption.key_arn
}

module "storage" {
  source = "../../modules/storage"

  name                     = var.name
  kms_key_arn              = module.encryption.key_arn
  reader_distribution_arns = [module.cdn.distribution_arn]
}

module "certificates" {
  source = "../../modules/certificates"

  zone_id          = data.aws_route53_zone.this.zone_id
  viewer_domain    = local.viewer_domain
  regional_domains = [local.edge_domain, "*.${local.ingest_domain}"]
}

module "cluster" {
  source = "../../modules/cluster"

  name   = var.name
  vpc_id = module.network.vpc_id
}

module "balancer" {
  source = "../../modules/balancer"

  name                = var.name
  vpc_id              = module.network.vpc_id
  subnet_ids          = module.network.public_subnet_ids
  certificate_arn     = module.certificates.regional_arn
  cdn_secrets         = var.cdn_secrets
  hold_seconds        = 3 * local.target_duration_seconds
  logs_bucket         = module.storage.logs_bucket
  deletion_protection = var.deletion_protection
}

module "origin" {
  source   = "../../modules/origin"
  for_each = var.cells

  name               = var.name
  cell               = each.key
  channels           = each.value.channels
  cluster            = module.cluster.cluster
  namespace          = module.cluster.namespace
  vpc_id             = module.network.vpc_id
  private_subnet_ids = module.network.private_subnet_ids
  public_subnet_ids  = module.network.public_subnet_ids

  reader_security_group_ids = {
    edge     = module.edge.security_group_id
    balancer = module.balancer.security_group_id
  }

  control = {
    listener_arn   = module.balancer.listener_arn
    secret_header  = module.balancer.secret_header
    secrets        = var.cdn_secrets
    first_priority = local.first_priorities[each.key]
  }

  certificate_arn      = module.certificates.regional_arn
  image                = var.images.origin
  collector_image      = var.images.collector
  pull_repository_arns = var.images.repository_arns
  cpu                  = each.value.cpu
  memory_mib           = each.value.memory_mib
  packaging            = { target_duration_seconds = local.target_duration_seconds, part_target_seconds = local.part_target_seconds }
  tasks                = { min = each.value.always_on ? 1 : 0, max = 1 }
  shows                = each.value.always_on ? {} : local.cell_shows
  archive              = { bucket = module.storage.archive_bucket, arn = module.storage.archive_arn }
  kms_key_arn          = module.encryption.key_arn
  logs_bucket          = module.storage.logs_bucket
  deletion_protection  = var.deletion_protection
}

module "edge" {
  source = "../../modules/edge"

  name               = var.name
  cluster            = module.cluster.cluster
  vpc_id             = module.network.vpc_id
  private_subnet_ids = module.network.private_subnet_ids
  origins            = { for cell, origin in module.origin : cell => { url = origin.url, channels = origin.channels } }

  balancer = {
    listener_arn      = module.balancer.listener_arn
    security_group_id = module.balancer.security_group_id
    arn_suffix        = module.balancer.arn_suffix
    secret_header     = module.balancer.secret_header
    secrets           = var.cdn_secrets
  }

  image                = var.images.edge
  collector_image      = var.images.collector
  pull_repository_arns = var.images.repository_arns
  tasks                = var.edges
  shows                = local.edge_shows
  kms_key_arn          = module.encryption.key_arn
}

module "cdn" {
  source = "../../modules/cdn"

  name                    = var.name
  aliases                 = [local.viewer_domain]
  certificate_arn         = module.certificates.viewer_arn
  edge_domain             = local.edge_domain
  edge_header             = module.balancer.secret_header
  edge_secret             = var.cdn_secrets[0]
  shield_region           = var.shield_region
  archive_domain_name     = module.storage.archive_domain_name
  target_duration_seconds = local.target_duration_seconds
  allowed_origins         = var.allowed_origins
  signing_keys            = var.signing_keys
  logs_arn                = module.storage.logs_arn
}

module "dns" {
  source = "../../modules/dns"

  zone_id        = data.aws_route53_zone.this.zone_id
  viewer_domains = [local.viewer_domain]
  distribution   = { domain_name = module.cdn.domain_name, hosted_zone_id = module.cdn.hosted_zone_id }
  edge_domain    = local.edge_domain

  balancers = {
    primary = {
      dns_name                = module.balancer.dns_name
      zone_id                 = module.balancer.zone_id
      arn_suffix              = module.balancer.arn_suffix
      target_group_arn_suffix = module.edge.target_group_arn_suffix
    }
    standby = try(var.standby.balancer, null)
  }

  ingests = { for cell, origin in module.origin : "${cell}.${local.ingest_domain}" => {
    primary = origin.ingest
    standby = try(var.standby.ingests[cell], null)
  } }
}

module "observability" {
  source = "../../modules/observability"

  name            = var.name
  kms_key_arn     = module.encryption.key_arn
  alert_emails    = var.alert_emails
  cluster_name    = module.cluster.cluster.name
  distribution_id = module.cdn.distribution_id
  web_acl_name    = module.cdn.web_acl_name

  edge = {
    service_name            = module.edge.service_name
    tasks                   = var.edges
    balancer_arn_suffix     = module.balancer.arn_suffix
    target_group_arn_suffix = module.edge.target_group_arn_suffix
  }

  origins = { for cell, origin in module.origin : cell => {
    service_name            = origin.service_name
    balancer_arn_suffix     = origin.ingest.arn_suffix
    target_group_arn_suffix = origin.ingest.target_group_arn_suffix
    always_on               = var.cells[cell].always_on
  } }
}
