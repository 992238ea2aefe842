output "archive_bucket" {
  description = "Name of the bucket of replays."
  value       = aws_s3_bucket.archive.bucket
}

output "archive_arn" {
  description = "The bucket of replays."
  value       = aws_s3_bucket.archive.arn
}

output "archive_domain_name" {
  description = "Regional domain name of the bucket of replays, for the CDN's origin."
  value       = aws_s3_bucket.archive.bucket_regional_domain_name
}

output "logs_bucket" {
  description = "Name of the bucket of access logs. It exists once delivery may write to it."
  value       = aws_s3_bucket_policy.logs.bucket
}

output "logs_arn" {
  description = "The bucket of access logs."
  value       = aws_s3_bucket.logs.arn
}
