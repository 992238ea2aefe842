output "viewer_arn" {
  description = "Certificate for CloudFront, once it is issued."
  value       = aws_acm_certificate_validation.viewer.certificate_arn
}

output "regional_arn" {
  description = "Certificate for this region's load balancers, once it is issued."
  value       = aws_acm_certificate_validation.regional.certificate_arn
}
