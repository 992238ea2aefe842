output "ingest_hosts" {
  description = "Host names for encoders."
  value       = keys(var.ingests)
}

output "viewer_urls" {
  description = "Where viewers begin."
  value       = [for domain in var.viewer_domains : "https://${domain}"]
}
