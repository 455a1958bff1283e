"""Reports that people look at: self-contained HTML with plots inside."""
