output "domain_name" {
  description = "CloudFront's own host name, for the DNS alias."
  value       = aws_cloudfront_distribution.this.domain_name
}

output "hosted_zone_id" {
  description = "The hosted zone of that name, for the DNS alias."
  value       = aws_cloudfront_distribution.this.hosted_zone_id
}

output "distribution_id" {
  description = "The distribution, as metrics and invalidations name it."
  value       = aws_cloudfront_distribution.this.id
}

output "distribution_arn" {
  description = "The distribution, for the policy of the bucket of replays."
  value       = aws_cloudfront_distribution.this.arn
}

output "signing_key_ids" {
  description = "Key-Pair-Id of each signing key, for whoever signs cookies."
  value       = { for name, key in aws_cloudfront_public_key.viewers : name => key.id }
}

output "web_acl_name" {
  description = "The web ACL as metrics name it."
  value       = aws_wafv2_web_acl.this.name
}
