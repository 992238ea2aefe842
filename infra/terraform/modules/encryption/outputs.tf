output "key_arn" {
  description = "The key that encrypts archive, secrets, logs and alarm topics."
  value       = aws_kms_key.this.arn
}
