// The classic tutorial, first program: node say_client1.js URL prints what is said on "say", and ends after one message.
'use strict';

const mqtt = require('mqtt');
const client = mqtt.connect(process.argv[2]);

client.on('connect', () => {
  client.subscribe('say', (error) => {
    if (error) throw error;
    console.log('listening');
  });
});

client.on('message', (topic, message) => {
  console.log(`${topic}: ${message}`);
  client.end();
});
