variable "zone_id" {
  description = "The public Route 53 zone of the domain; the proofs of ownership are written there."
  type        = string
}

variable "viewer_domain" {
  description = "Host name that viewers use, for example live.example.com. Its certificate is in us-east-1, where CloudFront looks for it."
  type        = string
}

variable "regional_domains" {
  description = "Host names of the load balancers in this region, first the one that the CDN asks: for example [\"edge.live.example.com\", \"*.ingest.live.example.com\"]."
  type        = list(string)

  validation {
    condition     = length(var.regional_domains) > 0
    error_message = "regional_domains must name at least the host that the CDN asks."
  }
}
