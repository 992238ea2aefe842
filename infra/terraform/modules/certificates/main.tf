locals {
  # us-east-1 is where CloudFront looks for certificates, whatever region the rest is in.
  cloudfront_region = "us-east-1"

  # By the names that are asked for, which are known before any certificate is.
  domains = toset(concat([var.viewer_domain], var.regional_domains))

  options = concat(
    tolist(aws_acm_certificate.viewer.domain_validation_options),
    tolist(aws_acm_certificate.regional.domain_validation_options),
  )

  proofs = { for domain in local.domains : domain => [for option in local.options : option if option.domain_name == domain][0] }
}

resource "aws_acm_certificate" "viewer" {
  region            = local.cloudfront_region
  domain_name       = var.viewer_domain
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_acm_certificate" "regional" {
  domain_name               = var.regional_domains[0]
  subject_alternative_names = slice(var.regional_domains, 1, length(var.regional_domains))
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "proof" {
  for_each = local.domains

  zone_id = var.zone_id
  name    = local.proofs[each.key].resource_record_name
  type    = local.proofs[each.key].resource_record_type
  records = [local.proofs[each.key].resource_record_value]
  ttl     = 300
  # Two certificates for one name share one proof.
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "viewer" {
  region                  = local.cloudfront_region
  certificate_arn         = aws_acm_certificate.viewer.arn
  validation_record_fqdns = [for record in aws_route53_record.proof : record.fqdn]
}

resource "aws_acm_certificate_validation" "regional" {
  certificate_arn         = aws_acm_certificate.regional.arn
  validation_record_fqdns = [for record in aws_route53_record.proof : record.fqdn]
}
