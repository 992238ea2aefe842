variable "zone_id" {
  description = "The public Route 53 zone of the domain."
  type        = string
}

variable "viewer_domains" {
  description = "Host names that viewers use."
  type        = list(string)
}

variable "distribution" {
  description = "CloudFront's own host name and hosted zone."
  type        = object({ domain_name = string, hosted_zone_id = string })
}

variable "edge_domain" {
  description = "Host name that the CDN asks."
  type        = string
}

variable "balancers" {
  description = "The HTTP load balancer of this region, and of a standby region if there is one: host name and hosted zone; for this region's, its and its target group's names in metrics."
  type = object({
    primary = object({ dns_name = string, zone_id = string, arn_suffix = string, target_group_arn_suffix = string })
    standby = optional(object({ dns_name = string, zone_id = string }))
  })
}

variable "ingests" {
  description = "By host name: the encoders' load balancer of this region, and of a standby region if there is one."
  type = map(object({
    primary = object({ dns_name = string, zone_id = string, arn_suffix = string, target_group_arn_suffix = string })
    standby = optional(object({ dns_name = string, zone_id = string }))
  }))
}
