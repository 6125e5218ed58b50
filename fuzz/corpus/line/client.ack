{"message":"ack","session":{"application":"com.example","session":"files"},"number":9}
