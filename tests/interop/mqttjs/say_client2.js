// The classic tutorial, second program: node say_client2.js URL TEXT says it.
'use strict';

const mqtt = require('mqtt');
const client = mqtt.connect(process.argv[2]);

client.on('connect', () => {
  client.publish('say', process.argv[3]);
  client.end();
});
